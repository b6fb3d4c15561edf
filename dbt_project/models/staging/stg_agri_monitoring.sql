{{ config(
    pre_hook="{{ forget_landed_deliveries('agri_monitoring') }}",
    indexes=[
        {'columns': ['delivery_id', 'row_no', 'item_no'], 'unique': true},
        {'columns': ['sample_id']},
        {'columns': ['summary_id']},
    ],
) }}

{{ stage_spot_checks('agri_monitoring', 'agri') }}
