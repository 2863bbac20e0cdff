package io.flowloop.agentloop;

import io.flowloop.engine.EngineException;
import io.flowloop.engine.HostTensor;
import io.flowloop.engine.LearnerState;
import io.flowloop.engine.LoraFile;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.SafetensorsFile;
import io.flowloop.engine.SafetensorsWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The files of one checkpoint: {@code policy.safetensors} with the weights to draw with, {@code
 * learner.safetensors} with the learner's tensors, and {@code checkpoint.json} with all else. A
 * policy of adapters is a {@link LoraFile}.
 *
 * @param path the folder that holds them
 */
record CheckpointFolder(Path path) {

  static final String POLICY = "policy.safetensors";
  static final String LEARNER = "learner.safetensors";

  private static final String PARAMETERS = "parameters.";
  private static final String FIRST_MOMENTS = "first_moments.";
  private static final String SECOND_MOMENTS = "second_moments.";
  private static final String AVERAGES = "averages.";

  /** Writes the files; the folder is there and empty. */
  void write(Checkpoint checkpoint) throws IOException {
    writePolicy(checkpoint);

    SafetensorsWriter learner = new SafetensorsWriter();
    add(learner, PARAMETERS, checkpoint.learner().parameters());
    add(learner, FIRST_MOMENTS, checkpoint.learner().firstMoments());
    add(learner, SECOND_MOMENTS, checkpoint.learner().secondMoments());
    add(learner, AVERAGES, checkpoint.learner().averages());
    learner.write(path.resolve(LEARNER));

    CheckpointManifest manifest =
        CheckpointManifest.of(
            checkpoint,
            Map.of(
                POLICY, CheckpointManifest.Content.of(path.resolve(POLICY)),
                LEARNER, CheckpointManifest.Content.of(path.resolve(LEARNER))));
    write(path.resolve(CheckpointManifest.NAME), manifest.render());
  }

  /** Adapters are written so that other tools read them too. */
  private void writePolicy(Checkpoint checkpoint) throws IOException {
    PolicyWeights kept = checkpoint.kept();
    SortedMap<String, String> metadata = new TreeMap<>(checkpoint.metadata());
    metadata.put(Checkpoint.POLICY_VERSION, Long.toString(kept.version()));
    if (LoraFile.canHold(kept.tensors())) {
      LoraFile.write(path.resolve(POLICY), kept.tensors(), metadata);
      return;
    }
    SafetensorsWriter policy = new SafetensorsWriter();
    metadata.forEach(policy::metadata);
    add(policy, "", kept.tensors());
    policy.write(path.resolve(POLICY));
  }

  private static void add(
      SafetensorsWriter writer, String prefix, Map<String, HostTensor> tensors) {
    tensors.forEach(
        (name, tensor) -> writer.floats(prefix + name, tensor.shape(), tensor.values()));
  }

  private static void write(Path file, String text) throws IOException {
    ByteBuffer bytes = StandardCharsets.UTF_8.encode(text);
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(true);
    }
  }

  /** Whether the folder is meant to be a checkpoint, whole or not. */
  boolean isCheckpoint() {
    return Files.isRegularFile(path.resolve(CheckpointManifest.NAME));
  }

  /**
   * Why the checkpoint is not whole; empty if it is.
   *
   * @throws EngineException if another version of flowloop wrote it
   */
  Optional<String> damage() {
    if (!isCheckpoint()) {
      return Optional.of(CheckpointManifest.NAME + ": missing");
    }
    try {
      CheckpointManifest manifest = CheckpointManifest.read(path);
      manifest.check(path, POLICY);
      manifest.check(path, LEARNER);
      return Optional.empty();
    } catch (IllegalArgumentException e) {
      return Optional.of(String.valueOf(e.getMessage()));
    } catch (IOException e) {
      return Optional.of("cannot be read: " + e);
    }
  }

  /**
   * Reads the checkpoint.
   *
   * @throws EngineException if it is none, torn, or of another version of flowloop
   */
  Checkpoint read() {
    CheckpointManifest manifest = manifest(POLICY, LEARNER);
    CheckpointManifest.Counts counts = manifest.learner();
    try (SafetensorsFile policy = SafetensorsFile.open(path.resolve(POLICY));
        SafetensorsFile learner = SafetensorsFile.open(path.resolve(LEARNER))) {
      SortedMap<String, String> metadata = new TreeMap<>(policy.metadata());
      metadata.keySet().removeAll(Checkpoint.RESERVED);
      return new Checkpoint(
          manifest.step(),
          manifest.position(),
          manifest.best(),
          manifest.fingerprint(),
          metadata,
          weights(policy),
          new LearnerState(
              counts.version(),
              counts.optimizerSteps(),
              counts.base(),
              tensors(learner, PARAMETERS),
              tensors(learner, FIRST_MOMENTS),
              tensors(learner, SECOND_MOMENTS),
              tensors(learner, AVERAGES)));
    }
  }

  /**
   * Reads the weights to draw with, and no other tensor.
   *
   * @throws EngineException as {@link #read} does
   */
  PolicyWeights weights() {
    manifest(POLICY);
    try (SafetensorsFile policy = SafetensorsFile.open(path.resolve(POLICY))) {
      return weights(policy);
    }
  }

  private PolicyWeights weights(SafetensorsFile policy) {
    String version = policy.metadata().getOrDefault(Checkpoint.POLICY_VERSION, "0");
    return PolicyWeights.of(
        Long.parseLong(version),
        LoraFile.isLora(policy) ? LoraFile.read(path.resolve(POLICY)) : tensors(policy, ""));
  }

  /** The manifest, after a check of some files. */
  private CheckpointManifest manifest(String... names) {
    if (!isCheckpoint()) {
      throw new EngineException(
          "%s: not a checkpoint (expected: a folder with %s, as checkpoints/step-000100 of a run)"
              .formatted(path, CheckpointManifest.NAME));
    }
    try {
      CheckpointManifest manifest = CheckpointManifest.read(path);
      for (String name : names) {
        manifest.check(path, name);
      }
      return manifest;
    } catch (IllegalArgumentException e) {
      throw new EngineException(
          "%s is torn: %s; take another checkpoint".formatted(path, e.getMessage()), e);
    } catch (IOException e) {
      throw new EngineException("%s cannot be read: %s".formatted(path, e), e);
    }
  }

  private static SortedMap<String, HostTensor> tensors(SafetensorsFile file, String prefix) {
    SortedMap<String, HostTensor> tensors = new TreeMap<>();
    file.tensors()
        .forEach(
            (name, tensor) -> {
              if (name.startsWith(prefix)) {
                tensors.put(
                    name.substring(prefix.length()),
                    new HostTensor(tensor.shape(), file.floats(name)));
              }
            });
    return tensors;
  }
}
