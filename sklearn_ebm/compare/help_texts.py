"""Texts of ``python -m sklearn_ebm --help``."""

PROGRAM = "python -m sklearn_ebm"
EPILOG = f"""\
output:
  The ranked table goes to standard output; progress, one line per finished model (a live table
  on a terminal that has `rich`), goes to standard error.

exit status:
  0    the comparison ran to its end
  1    the data, or a file to write to, cannot be used; one sentence says why
  2    the command line is wrong
  130  stopped with Ctrl-C; the models finished by then are printed, and saved with --out

examples:
  {PROGRAM}
      every loss, every energy and every baseline on scikit-learn's breast cancer data
  {PROGRAM} compare adult.csv --target income
      the same on your own table
  {PROGRAM} compare adult.csv --target income --losses nll,hinge --baselines none
      two losses of the linear energy only
  {PROGRAM} compare adult.csv --target income --energies kernel,mlp --losses nll,hinge
      four combinations, and the baselines
  {PROGRAM} compare adult.csv --target income --representations
      the same as the second, and the linear energy on codes that are learned without the target
  {PROGRAM} compare concrete.csv --target compressive_strength_mpa
      a numeric target: conditional densities, by likelihood, CRPS, coverage and error
  {PROGRAM} compare big.parquet --target label --max-rows 20000 --out results/big
      on a sample, saved as results/big.csv and results/big.json
  {PROGRAM} compare adult.csv --target income --report report.html
      the table and charts as one page, to look at or to send

Reading a table needs pandas, and pyarrow for Parquet: pip install "sklearn_ebm[compare]"
"""
DESCRIPTION = """\
Compare the energies and losses of EBMClassifier with scikit-learn's LogisticRegression, LinearSVC
(calibrated), SGDClassifier, MLPClassifier and HistGradientBoostingClassifier, on the same folds of
a table: accuracy, log-loss, Brier score, calibration error, time to fit and to predict. The table
is ranked by log-loss.

A numeric target is a regression: energies and losses of LatentEBMRegressor beside Ridge,
QuantileRegressor, GaussianProcessRegressor, HistGradientBoostingRegressor and NGBoost (where it is
installed), each with a distribution of the answer: negative log-likelihood (NLL), CRPS, coverage of
intervals, error of the mean, time to fit. The table is ranked by NLL.
"""
