import time
def test_links(city):
    for q in ["select link_status, link_rule, count(*) from core.bridge_party_enterprise group by 1,2 order by 3 desc",
              "select count(*), count(distinct enterprise_id) from core.dim_enterprise_name",
              "select * from core.dim_party inner join core.bridge_party_enterprise using(party_id) where link_status in ('review','unlinked') limit 15",
              "select dbt_summary from ops.build"]:
        r = city.rows(q)
        if "dbt_summary" in q:
            for b in r: print(sorted([(x['seconds'],x['node']) for x in b['dbt_summary']],reverse=True)[:25])
        else:
            for x in r: print(x)
