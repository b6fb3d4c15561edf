import pprint
def test_it(city):
    pprint.pprint(city.rows("select regexp_replace(file_uri,'^.*/','') f,status,rows_read,rows_accepted,rows_quarantined,issued_on,issued_on_basis,status_reason from ops.delivery order by 1"))
    pprint.pprint(city.rows("select measure_code,period_label_zh,value,numerator,denominator,verdict,data_status,quarantined_count,worst_case_value,interval_low,interval_high,estimator from marts.mart_target_tracking where is_current and period_type='year' order by 1,2"))
    pprint.pprint(city.rows("select * from quarantine.row"))
def test_e(warehouse): print(warehouse.rows("select count(*) from ops.delivery"))
def test_f(warehouse): print(warehouse.rows("select count(*) from ops.delivery"))
def test_g(city_copy): print(city_copy.rows("select count(*) from ops.delivery"))
