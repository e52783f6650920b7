"""Measure a barrier in vitro: can members be told, and does having seen them cost what fine-tuning reaches?"""
