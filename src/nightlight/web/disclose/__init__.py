"""``/report``: the page on which people who report prove a message. Everything secret stays on their device."""
