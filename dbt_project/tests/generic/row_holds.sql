{#- What is true of each row; where it cannot be told, for a NULL, nothing is promised. -#}
{% test row_holds(model, expression) %}
select *
from {{ model }}
where not ({{ expression }})
{% endtest %}
