"""What papers report on the same data.

Test NLL in nats on the scale of y, and RMSE: means over all 20 splits of Hernández-Lobato & Adams
(2015), 5 for protein, of which the folder of `--data` holds some. NGBoost and deep evidential
regression drew random splits of their own.
"""

METHODS = (
    "PBP", "MC dropout", "deep ensembles", "NGBoost", "deep evidential", "Wasserstein GB",
    "TabResFlow", "TabPFN v2",
)  # fmt: skip

# Where the figures of each method are printed.
SOURCES = {
    "PBP": "Hernández-Lobato and Adams (2015), arXiv:1502.05336",
    "MC dropout": "Gal and Ghahramani (2016), arXiv:1506.02142, as rerun in 2018 by "
    "github.com/yaringal/DropoutUncertaintyExps",
    "deep ensembles": "Lakshminarayanan et al. (2017), arXiv:1612.01474",
    "NGBoost": "Duan et al. (2020), arXiv:1910.03225",
    "deep evidential": "Amini et al. (2020), arXiv:1910.02600",
    "Wasserstein GB": "Matsubara (2024), arXiv:2405.09536",
    "TabResFlow": "Madhusudhanan et al. (2025), arXiv:2508.17056, as rerun by "
    "github.com/ayhamo/Probabilistic_Point_Estimations",
    "TabPFN v2": "Hollmann et al. (2025), doi:10.1038/s41586-024-08328-6, as run on the same "
    "splits by github.com/ayhamo/Probabilistic_Point_Estimations (NLL of protein: 4 of 5 splits)",
}

NLL = {
    "concrete": (3.16, 2.93, 3.06, 3.04, 3.01, 2.83, 2.89, 2.21),
    "energy": (2.04, 1.21, 1.38, 0.60, 1.39, 0.53, 0.64, 0.15),
    "kin8nm": (-0.90, -1.14, -1.20, -0.49, -1.24, -0.44, -1.28, -1.27),
    "protein-tertiary-structure": (2.97, 2.87, 2.83, 2.81, 2.63, 2.70, 1.93, 1.73),
    "yacht": (1.63, 1.25, 1.18, 0.20, 1.03, 0.16, 0.56, -0.73),
}
RMSE = {
    "concrete": (5.67, 4.82, 6.03, 5.06, 5.85, 4.15, 5.21, 3.86),
    "energy": (1.80, 0.54, 2.09, 0.46, 2.06, 0.42, 0.65, 0.42),
    "kin8nm": (0.10, 0.08, 0.09, 0.16, 0.09, 0.15, 0.073, 0.070),
    "protein-tertiary-structure": (4.73, 4.27, 4.71, 4.33, 4.64, 4.09, 4.37, 3.53),
    "yacht": (1.02, 0.67, 1.58, 0.50, 1.57, 0.48, 1.41, 0.42),
    "wine-quality-red": (0.64, 0.62, 0.64, 0.63, 0.61, 0.61, None, 0.63),
}

# Its y takes so few values that a density can have any likelihood.
UNBOUNDED = ("wine-quality-red",)


def published(table, name, method="deep ensembles"):
    """A figure of one of the tables; None where there is none."""
    return table[name][METHODS.index(method)] if name in table else None
