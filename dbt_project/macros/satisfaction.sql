{#- A respondent's score by a measure of the seed `satisfaction_measure`. -#}
{% macro satisfaction_score(response, measure) -%}
    case {{ measure }}.measure_code
        when 'CSI_0_100' then {{ response }}.score
        when 'CSI_SHARE_OF_MAXIMUM' then {{ response }}.share_of_maximum
        when 'CSI_TOP_TWO_BOX' then {{ response }}.top_two_box
        when 'CSI_TOP_BOX' then {{ response }}.top_box
    end
{%- endmacro %}
