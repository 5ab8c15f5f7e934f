"""A labelled corpus of texts for screening, made from seeds: written without a look at the rules' own examples."""
