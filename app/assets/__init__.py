"""What is leased and what tracks it: lessors, assets, devices, and which device was on which asset when."""
