"""Why: the provider's desk, by its steps. A dispatched demand is asked of the departments that have what it wants (`asking`); each speaks item by item
(`answering`, `deciding`), on terms (`provider_terms`), or promises (`promises`); then the demand is settled (`settling`). Everybody outside calls this.
"""

from exchange_api.supply.answering import TaskAnswer as TaskAnswer
from exchange_api.supply.answering import answer as answer
from exchange_api.supply.answering import answer_many as answer_many
from exchange_api.supply.asking import cancel_open as cancel_open
from exchange_api.supply.asking import open_tasks as open_tasks
from exchange_api.supply.deciding import ItemAnswer as ItemAnswer
from exchange_api.supply.deciding import Offered as Offered
from exchange_api.supply.grounds import Refusal as Refusal
from exchange_api.supply.grounds import ground as ground
from exchange_api.supply.grounds import grounds as grounds
from exchange_api.supply.provider_terms import set_terms as set_terms
from exchange_api.supply.reading import answers_of as answers_of
from exchange_api.supply.reading import answers_of_demand as answers_of_demand
from exchange_api.supply.reading import get_answer as get_answer
from exchange_api.supply.reading import get_task as get_task
from exchange_api.supply.reading import needs as needs
from exchange_api.supply.reading import shares as shares
from exchange_api.supply.reading import tasks_of as tasks_of
from exchange_api.supply.reading import wanted_name as wanted_name
from exchange_api.supply.settling import settle as settle
from exchange_api.supply.withdrawn import follow as follow
