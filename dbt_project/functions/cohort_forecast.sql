{{ config(meta={'language': 'sql', 'strict': true, 'cost': 500}) }}
-- Certificates in force at a deadline (domain 6.1 and 14, I11): {mean, variance}. `staying` have no expiry before it;
-- of `expiring` each is renewed with `renewal_rate` (binomial); `arriving` new ones are expected (Poisson).
select case
    when renewal_rate between 0 and 1 and least(staying, expiring, arriving) >= 0
        then array[
            staying + expiring * renewal_rate + arriving, expiring * renewal_rate * (1 - renewal_rate) + arriving
        ]
end
