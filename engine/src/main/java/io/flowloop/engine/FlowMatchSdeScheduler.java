package io.flowloop.engine;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import io.flowloop.config.SdeType;
import java.util.Arrays;

/**
 * One reverse step of a rectified flow, stochastic or not, and the log-prob of a stochastic one.
 *
 * <p>With x_σ = (1 − σ)·x_0 + σ·ε and a network that predicts v = ε − x_0, every step is linear in
 * x and v; a schedule is therefore a table of scalar coefficients, and the device computes
 *
 * <pre>
 * mean = a·x + b·v        x' = mean + std·z        logp = q − p·MEAN[(x' − mean)²]
 * </pre>
 *
 * MEAN over all axes but the row. Coefficients are computed in double and applied in float32.
 */
public final class FlowMatchSdeScheduler {

  /*
   * σ = σ_i, σ' = σ_{i+1}, dt = σ' − σ < 0, a = noise level.
   *
   * SDE       s = a·√(σ / (1 − σ*)), σ* = σ but σ_1 where σ = 1                 [1, eq. 9]
   *           mean = x·(1 + s²/(2σ)·dt) + v·(1 + s²(1 − σ)/(2σ))·dt
   *           std  = s·√(−dt), logp is the normal density's
   * DANCE_SDE the same step with s = a                                          [2]
   * CPS       s = σ'·sin(a·π/2), std = s                                        [3]
   *           mean = x̂_0·(1 − σ') + ε̂·√(σ'² − s²), x̂_0 = x − σv, ε̂ = x + (1 − σ)v
   *           logp = MEAN[−(x' − mean)²], its constants dropped on purpose
   * ODE       x' = x + v·dt
   *
   * [1] Flow-GRPO, arXiv:2505.05470   [2] DanceGRPO, arXiv:2505.07818
   * [3] Coefficient-preserving sampling, arXiv:2509.05952
   */

  private final float[] sigmas;
  private final SdeType sdeType;
  private final double noiseLevel;

  /**
   * @param sigmas T + 1 noise levels, falling from at most 1 to 0
   * @param sdeType the stochastic step
   * @param noiseLevel a, or η for {@link SdeType#DANCE_SDE}
   */
  public FlowMatchSdeScheduler(float[] sigmas, SdeType sdeType, double noiseLevel) {
    this.sigmas = sigmas.clone();
    this.sdeType = sdeType;
    this.noiseLevel = noiseLevel;
  }

  /**
   * The scalars of one stochastic step.
   *
   * @param x factor a of the state
   * @param v factor b of the velocity
   * @param std standard deviation of the injected noise
   * @param logProbScale p
   * @param logProbOffset q
   * @param diffusion s, the diffusion coefficient before the step size
   */
  record Coefficients(
      double x, double v, double std, double logProbScale, double logProbOffset, double diffusion) {

    NDArray on(NDManager manager) {
      return manager.create(
          new float[] {
            (float) x, (float) v, (float) std, (float) logProbScale, (float) logProbOffset
          });
    }
  }

  /**
   * A stochastic step taken.
   *
   * @param after x' (k, …)
   * @param mean (k, …)
   * @param logProb (k)
   */
  public record Step(NDArray after, NDArray mean, NDArray logProb) {}

  /** The deterministic step {@code i}: x + v·dt. */
  public NDArray odeStep(Kernels kernels, NDArray x, NDArray velocity, int i) {
    Coefficients euler = new Coefficients(1, dt(i), 0, 0, 0, 0);
    return kernels.one("ode_step", x, velocity, euler.on(x.getManager()));
  }

  /**
   * The stochastic step {@code i}.
   *
   * @param x the state (k, …)
   * @param velocity the network's answer (k, …)
   * @param noise standard normal z (k, …)
   * @throws IllegalArgumentException if step {@code i} cannot be stochastic
   */
  public Step sdeStep(Kernels kernels, NDArray x, NDArray velocity, NDArray noise, int i) {
    NDList step = kernels.run("sde_step", x, velocity, noise, coefficients(i).on(x.getManager()));
    return new Step(step.get(0), step.get(1), step.get(2));
  }

  /**
   * The stochastic step {@code i} that led from {@code x} to {@code after}, seen with another
   * velocity: its mean, and its log-prob there. The same arithmetic as {@link #sdeStep}, so that
   * equal velocities give equal bits.
   */
  public Step taken(Kernels kernels, NDArray x, NDArray velocity, NDArray after, int i) {
    NDArray c = coefficients(i).on(x.getManager());
    NDArray mean = kernels.one("ode_step", x, velocity, c);
    return new Step(after, mean, kernels.one("log_prob", after, mean, c));
  }

  /** The T noise levels that the steps begin at. */
  float[] stepSigmas() {
    return Arrays.copyOf(sigmas, sigmas.length - 1);
  }

  /** How far σ falls at step {@code i}: −dt. */
  double fall(int i) {
    return -dt(i);
  }

  Coefficients coefficients(int i) {
    double next = sigmas[i + 1];
    if (sdeType == SdeType.ODE || noiseLevel == 0 || next == 0) {
      throw new IllegalArgumentException(
          "denoising step %d of %d with sdeType %s, noiseLevel %s cannot be stochastic"
              .formatted(i, sigmas.length - 1, sdeType, noiseLevel));
    }
    return switch (sdeType) {
      case SDE -> {
        double star = sigmas[i] == 1 ? sigmas[1] : sigmas[i];
        yield marginalPreserving(i, noiseLevel * Math.sqrt(sigmas[i] / (1 - star)));
      }
      case DANCE_SDE -> marginalPreserving(i, noiseLevel);
      case CPS -> coefficientPreserving(i);
      case ODE -> throw new AssertionError("refused above");
    };
  }

  private Coefficients marginalPreserving(int i, double s) {
    double sigma = sigmas[i];
    double dt = dt(i);
    double drift = s * s / (2 * sigma);
    double std = s * Math.sqrt(-dt);
    return new Coefficients(
        1 + drift * dt,
        (1 + drift * (1 - sigma)) * dt,
        std,
        1 / (2 * std * std),
        -StrictMath.log(std) - 0.5 * StrictMath.log(2 * Math.PI),
        s);
  }

  private Coefficients coefficientPreserving(int i) {
    double sigma = sigmas[i];
    double next = sigmas[i + 1];
    double s = next * StrictMath.sin(noiseLevel * Math.PI / 2);
    double kept = Math.sqrt(Math.max(0, next * next - s * s));
    return new Coefficients((1 - next) + kept, kept * (1 - sigma) - (1 - next) * sigma, s, 1, 0, s);
  }

  private double dt(int i) {
    return (double) sigmas[i + 1] - sigmas[i];
  }
}
