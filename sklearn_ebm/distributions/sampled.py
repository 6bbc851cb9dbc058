class SampledDensity:
    pass
