"""What is known of one customer: the state, how events fold into it, segments, reach, scores, what was
learned."""
