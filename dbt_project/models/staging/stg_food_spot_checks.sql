{{ config(
    pre_hook="{{ forget_landed_deliveries('food_spot_checks') }}",
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['sample_id']},
        {'columns': ['summary_id']},
    ],
) }}

{{ stage_spot_checks('food_spot_checks', 'food') }}
