"""Which department a written name means, and who decides where the hub can only guess."""
