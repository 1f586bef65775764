"""The imperative shell: takes in, advances, delivers, keeps house."""
