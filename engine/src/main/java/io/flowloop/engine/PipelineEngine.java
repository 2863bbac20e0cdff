package io.flowloop.engine;

import io.flowloop.engine.Pipeline.TextEncoder.Encoded;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The engine of any {@link Pipeline}: encode the prompt once, walk its rows in forwards of at most
 * {@code maxRowsPerForward} samples, decode, and hand out plain Java data.
 */
public final class PipelineEngine implements DiffusionEngine {

  private final Pipeline pipeline;
  private final DenoisingLoop loop;
  private final int maxRowsPerForward;
  private long policyVersion;

  /**
   * @param pipeline the model, which from now on records no gradients; closed with the engine
   * @param maxRowsPerForward most samples of one forward, 1 or more
   */
  public PipelineEngine(Pipeline pipeline, int maxRowsPerForward) {
    if (maxRowsPerForward < 1) {
      throw new IllegalArgumentException(
          "maxRowsPerForward: " + maxRowsPerForward + " (expected: 1 or more)");
    }
    this.pipeline = pipeline;
    pipeline.kernels().neverRecord();
    this.loop = new DenoisingLoop(pipeline);
    this.maxRowsPerForward = maxRowsPerForward;
  }

  @Override
  public List<Sample> generate(RolloutRequest request) {
    List<Sample> samples = new ArrayList<>(request.rows());
    try (TensorScope _ = new TensorScope()) {
      long start = System.nanoTime();
      Encoded prompt = pipeline.textEncoder().encode(request.prompt());
      Guidance.Conditioning conditioning =
          new Guidance(pipeline, request.sampling().guidanceScale()).conditioning(prompt.tokens());
      Duration encode = since(start);
      for (int from = 0; from < request.rows(); from += maxRowsPerForward) {
        int to = Math.min(from + maxRowsPerForward, request.rows());
        List<RowSeed> rows = request.seeds().subList(from, to);
        samples.addAll(
            subBatch(request.sampling(), conditioning, prompt.embedding(), rows, encode));
      }
    } catch (ai.djl.engine.EngineException e) {
      throw new EngineException(
          "forward failed on %s for prompt '%s', rows %s: %s; if memory ran out, lower"
                  .formatted(pipeline.device(), request.prompt(), request.seeds(), e.getMessage())
              + " rollout.maxRowsPerForward (now %d)".formatted(maxRowsPerForward),
          e);
    }
    return samples;
  }

  private List<Sample> subBatch(
      Sampling sampling,
      Guidance.Conditioning conditioning,
      PromptEmbedding embedding,
      List<RowSeed> rows,
      Duration encode) {
    long start = System.nanoTime();
    List<Trajectory> trajectories = loop.walk(conditioning, rows, sampling);
    Duration denoise = since(start);
    long decodeStart = System.nanoTime();
    List<RgbImage> images = new ArrayList<>(rows.size());
    for (int i = 0; i < rows.size(); i++) {
      requireFinite(trajectories.get(i), rows.get(i));
      images.add(pipeline.imageDecoder().decode(trajectories.get(i).finalLatents()));
    }
    SampleTimings timings =
        new SampleTimings(
            rows.size(), sampling.numInferenceSteps(), encode, denoise, since(decodeStart));
    List<Sample> samples = new ArrayList<>(rows.size());
    for (int i = 0; i < rows.size(); i++) {
      samples.add(
          new Sample(
              rows.get(i),
              images.get(i),
              trajectories.get(i),
              embedding,
              policyVersion(),
              timings));
    }
    return samples;
  }

  private void requireFinite(Trajectory trajectory, RowSeed row) {
    for (float value : trajectory.finalLatents()) {
      if (!Float.isFinite(value)) {
        throw new EngineException(
            "final latents of row %d, seed %d on %s: %s (expected: finite numbers); check the weights"
                    .formatted(row.row(), row.seed(), pipeline.device(), value)
                + " and sampler.noiseLevel");
      }
    }
  }

  private static Duration since(long start) {
    return Duration.ofNanos(System.nanoTime() - start);
  }

  @Override
  public long load(PolicyWeights weights) {
    DeviceWeights.load(pipeline.kernels(), pipeline.weights(), weights.tensors());
    policyVersion = weights.version();
    return PolicyWeights.checksum(
        DeviceWeights.read(pipeline.weights(), weights.tensors().keySet()));
  }

  @Override
  public long policyVersion() {
    return policyVersion;
  }

  /** Every native tensor alive on the engine's device, weights included. */
  public int liveTensors() {
    return pipeline.manager().getManagedArrays().size();
  }

  @Override
  public void close() {
    pipeline.close();
  }
}
