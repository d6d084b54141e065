"""How Callahead speaks to the world; `registry` lists what there is."""
