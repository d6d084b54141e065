"""Callahead: a telephony IVR and messaging gateway for clinics."""
