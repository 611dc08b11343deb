"""What happens to each route if a provider vanishes, from the config alone. Pure but for the command; imports core and
config."""
