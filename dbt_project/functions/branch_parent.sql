{{ config(meta={'language': 'plpgsql', 'strict': true, 'cost': 300}) }}
-- The enterprise that a branch, shop or workshop belongs to, by its name: what stands up to the first 公司, 合作社, 供销社
-- or 厂 when the rest is a branch's name. NULL for whoever is none.
declare
    head text;
    tail text;
begin
    value := {{ function('normalize_name').include(database=false) }}(value);
    head := substring(value from '^.{3,}?(?:(?<!分)公司|合作社|供销社)');
    tail := replace(replace(substr(value, length(head) + 1), '(', ''), ')', '');
    if tail ~ ('^.{0,40}(分公司|支公司|分厂|工厂|车间|工段|店|门市部?|专柜|营业[部厅所]|经营[部处]|经销部|批发部|销售[部处]|(销售|服务|配送)中心|服务[部站]|'
        || '办事处|管理处|加油站|加气站|超市|商场|商城|卖场|广场|酒店|餐厅|食堂|基地|仓库|项目部|工程处|分部|分校|分社|分所|分院|分行|支行|支局|分理处|储蓄所|供电所|邮电所|[部库队厂])$')
        or tail ~ '^(分厂|车间|分店|门市部?|仓库|食堂)$'
    then
        return head;
    end if;
    head := substring(value from '^.{3,}?厂');
    tail := replace(replace(substr(value, length(head) + 1), '(', ''), ')', '');
    if tail ~ '^.{0,20}(分厂|车间|工段|门市部|营业部|经营部|分店|销售[部处]|服务部|办事处|分部)$' then
        return head;
    end if;
    return null;
end
