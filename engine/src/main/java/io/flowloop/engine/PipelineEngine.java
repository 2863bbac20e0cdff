package io.flowloop.engine;

import io.flowloop.engine.Pipeline.TextEncoder.Encoded;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The engine of any {@link Pipeline}: encode the prompt once, walk its rows in forwards of at most
 * {@code maxRowsPerForward} samples, decode, and hand out plain Java data.
 *
 * <p>A forward that the device has no memory for is halved until it fits, and so are those to come.
 */
public final class PipelineEngine implements DiffusionEngine {

  private static final Logger LOG = LoggerFactory.getLogger(PipelineEngine.class);

  private static final String MORE_MEMORY =
      "draw smaller images (model.imageHeight, model.imageWidth), compute in bfloat16 (model.dtype),"
          + " do without guidance (sampler.guidanceScale=1) or run fewer engines on the device"
          + " (rollout.engines)";

  /** What a request has in common for all of its forwards. */
  private record Prompt(
      Guidance.Conditioning conditioning,
      PromptEmbedding embedding,
      long tokensPerSample,
      Duration encode) {}

  /**
   * Rows that were walked together.
   *
   * @param oomSplits forwards that were halved before this one fitted
   */
  private record Walked(List<RowSeed> rows, List<Trajectory> trajectories, int oomSplits) {}

  private final Pipeline pipeline;
  private final DenoisingLoop loop;
  private final ForwardLimit limit;
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
    this.limit = new ForwardLimit(maxRowsPerForward);
  }

  @Override
  public List<Sample> generate(RolloutRequest request) {
    List<Sample> samples = new ArrayList<>(request.rows());
    try (TensorScope _ = new TensorScope()) {
      Prompt prompt = encode(request);
      while (samples.size() < request.rows()) {
        samples.addAll(subBatch(request, prompt, samples.size()));
      }
    } catch (ai.djl.engine.EngineException e) {
      throw new EngineException(
          "forward failed on %s for prompt '%s', rows %s: %s"
              .formatted(
                  pipeline.device(),
                  request.prompt(),
                  request.seeds(),
                  OutOfMemory.line(e)
                      .map(line -> line + "; " + MORE_MEMORY)
                      .orElse(e.getMessage())),
          e);
    }
    return samples;
  }

  private Prompt encode(RolloutRequest request) {
    long start = System.nanoTime();
    Encoded encoded = pipeline.textEncoder().encode(request.prompt());
    Guidance guidance = new Guidance(pipeline, request.sampling().guidanceScale());
    long tokens = pipeline.latentShape().tokens() + encoded.tokens().getShape().get(1);
    return new Prompt(
        guidance.conditioning(encoded.tokens()),
        encoded.embedding(),
        guidance.rowsOfForward(1) * tokens,
        since(start));
  }

  /** The samples of a forward, the first of which is number {@code from} of the request. */
  private List<Sample> subBatch(RolloutRequest request, Prompt prompt, int from) {
    long start = System.nanoTime();
    Walked walked = walk(request, prompt, from);
    Duration denoise = since(start);
    long decodeStart = System.nanoTime();
    int rows = walked.rows().size();
    List<RgbImage> images = new ArrayList<>(rows);
    for (int i = 0; i < rows; i++) {
      requireFinite(walked.trajectories().get(i), walked.rows().get(i));
      images.add(pipeline.imageDecoder().decode(walked.trajectories().get(i).finalLatents()));
    }
    SampleTimings timings =
        new SampleTimings(
            rows,
            request.sampling().numInferenceSteps(),
            walked.oomSplits(),
            prompt.encode(),
            denoise,
            since(decodeStart));
    List<Sample> samples = new ArrayList<>(rows);
    for (int i = 0; i < rows; i++) {
      samples.add(
          new Sample(
              walked.rows().get(i),
              images.get(i),
              walked.trajectories().get(i),
              prompt.embedding(),
              policyVersion(),
              timings));
    }
    return samples;
  }

  /** Walks as many rows as fit, from number {@code from} of the request on. */
  private Walked walk(RolloutRequest request, Prompt prompt, int from) {
    for (int oomSplits = 0; ; oomSplits++) {
      int end = limit.end(from, request.rows(), prompt.tokensPerSample());
      List<RowSeed> rows = request.seeds().subList(from, end);
      try {
        List<Trajectory> trajectories = loop.walk(prompt.conditioning(), rows, request.sampling());
        warn(rows.size(), oomSplits);
        return new Walked(rows, trajectories, oomSplits);
      } catch (ai.djl.engine.EngineException e) {
        String line = OutOfMemory.line(e).orElseThrow(() -> e);
        limit.halve(rows.size(), prompt.tokensPerSample());
        if (rows.size() == 1) {
          throw new EngineException(
              "row %d, seed %d, of prompt '%s' does not fit on %s, alone in its forward: %s; %s"
                  .formatted(
                      rows.getFirst().row(),
                      rows.getFirst().seed(),
                      request.prompt(),
                      pipeline.device(),
                      line,
                      MORE_MEMORY),
              e);
        }
      }
    }
  }

  private void warn(int rows, int oomSplits) {
    if (oomSplits > 0) {
      LOG.warn(
          "memory of {} ran out: forwards have {} rows at most from now on"
              + " (rollout.maxRowsPerForward={} spares the attempts)",
          pipeline.device(),
          rows,
          rows);
    }
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
