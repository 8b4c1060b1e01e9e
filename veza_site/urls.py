"""Addresses that this project answers: none yet, its work is done by commands."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
