"""The atlas as a document: sentences, tables and figures, each made from the numbers alone."""
