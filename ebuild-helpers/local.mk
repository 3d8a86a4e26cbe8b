# What is installed from here.
