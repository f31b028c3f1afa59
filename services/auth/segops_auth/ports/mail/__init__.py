"""Mails: their queue, their links and how they are sent."""
