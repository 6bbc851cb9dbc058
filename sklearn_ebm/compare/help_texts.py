"""Texts of ``python -m sklearn_ebm --help``."""

PROGRAM = "python -m sklearn_ebm"
EPILOG = f"""\
output:
  The ranked table goes to standard output, progress to standard error.

exit status:
  0    the comparison ran to its end
  1    the data, or a file to write to, cannot be used; one sentence says why
  2    the command line is wrong
  130  stopped with Ctrl-C; the models finished by then are printed, and saved with --out

examples:
  {PROGRAM} compare adult.csv --target income
      losses, energies and other models on your own table
  {PROGRAM} compare adult.csv --target income --save model.skops
      the same, and the best model with the preparation of the columns, for new tables
  {PROGRAM} compare adult.csv --target income --model hinge --code
      the same, and the lines of Python that build one of the models
  {PROGRAM} compare adult.csv --target income --losses nll,hinge --baselines none
      two losses of the linear energy only
  {PROGRAM} compare adult.csv --target income --energies kernel,mlp --losses nll,hinge
      four combinations, and the baselines
  {PROGRAM} compare adult.csv --target income --representations
      also the linear energy on codes that are learned without the target
  {PROGRAM} compare concrete.csv --target compressive_strength_mpa
      a numeric target: conditional densities, by likelihood, CRPS, coverage and error
  {PROGRAM} compare big.parquet --target label --max-rows 20000 --out results/big
      on a sample, saved as results/big.csv and results/big.json
  {PROGRAM} compare adult.csv --target income --report report.html
      the table and charts as one page, to look at or to send

Reading a table needs pandas and skrub: pip install "sklearn_ebm[compare]"
"""
FIRST = """\
Without a command: two short comparisons on embedded data, of classes with wrong labels and of a
target with several answers.

"""
DESCRIPTION = """\
Compare energies and losses with other models on the same folds of a table.

Classes: EBMClassifier beside LogisticRegression, LinearSVC, SGDClassifier, MLPClassifier, forests
and boosted trees, by log-loss, accuracy, Brier score, calibration error and time.

A numeric target: LatentEBMRegressor beside Ridge, QuantileRegressor, GaussianProcessRegressor,
boosted trees, quantile forests and NGBoost, each with a distribution of the answer, by negative
log-likelihood (NLL) or CRPS, coverage of intervals, error of the mean and time.
"""
