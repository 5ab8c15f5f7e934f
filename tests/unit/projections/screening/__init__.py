"""Tests of the scanning engine."""
