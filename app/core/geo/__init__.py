"""Coordinates.

datum: conversion between GCJ-02, BD-09, CGCS2000 and WGS-84
geodesy: distances, directions and unit vectors
"""
