"""The whole service under fire: clients that note every answer, faults struck at failpoints, and a checker."""
