"""Sections"""

def sections(study, findings, out):
    return []
