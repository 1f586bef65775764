"""GitHub and GitLab: the comment of a review brought up to date, its labels, and annotations at the lines."""
