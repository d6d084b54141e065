def add_commands(commands, common):
    pass
