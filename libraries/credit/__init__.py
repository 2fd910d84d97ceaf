"""Why: what is special to the credit register: how an entry's state moves, which legal days run, who is nobody's subject. Called by upkeep and commands.

An entry's state is changed by batches of departments and by a steward's ruling, by nothing here: what is over by date is not served without any change.
"""
