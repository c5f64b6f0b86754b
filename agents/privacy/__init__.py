"""One person's data: found wherever it may lie, handed out, erased, and looked for again as a proof."""
