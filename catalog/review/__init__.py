"""A version's way from draft to published: what changed, whom it touches, who must approve, who must know."""
