"""Addresses that this project answers, beside `/healthz` (veza_site.health): none yet."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
