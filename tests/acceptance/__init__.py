"""The real command line and the real HTTP of a service that `rung up` started."""
