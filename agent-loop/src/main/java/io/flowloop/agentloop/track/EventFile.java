package io.flowloop.agentloop.track;

import java.awt.image.BufferedImage;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;

/**
 * An event file as TensorBoard reads it: records of {@code Event} messages [1], whose summaries [2]
 * hold the values of a step.
 */
final class EventFile implements Closeable {

  /*
   * [1] tensorboard/compat/proto/event.proto: Event {double wall_time = 1; int64 step = 2;
   *     string file_version = 3; Summary summary = 5; SessionLog session_log = 7};
   *     SessionLog {SessionStatus status = 1}, START = 1.
   * [2] tensorboard/compat/proto/summary.proto: Summary {repeated Value value = 1};
   *     Value {string tag = 1; float simple_value = 2; Image image = 4};
   *     Image {int32 height = 1, width = 2, colorspace = 3; bytes encoded_image_string = 4}.
   */
  private static final String VERSION = "brain.Event:2";
  private static final int SESSION_START = 1;
  private static final int RGB = 3;
  private static final double NANOS_PER_SECOND = 1e9;

  private final OutputStream out;
  private final InstantSource clock;

  private EventFile(OutputStream out, InstantSource clock) throws IOException {
    this.out = out;
    this.clock = clock;
    write(event(0).string(3, VERSION));
  }

  /** A new file in a folder, later by its name than those that are there. */
  static EventFile create(Path folder, InstantSource clock) throws IOException {
    String host = host();
    long seconds = clock.instant().getEpochSecond();
    while (Files.exists(folder.resolve(name(seconds, host)))) {
      seconds++;
    }
    Path path = folder.resolve(name(seconds, host));
    return new EventFile(
        new BufferedOutputStream(Files.newOutputStream(path, StandardOpenOption.CREATE_NEW)),
        clock);
  }

  private static String name(long seconds, String host) {
    return "events.out.tfevents.%010d.%s.flowloop".formatted(seconds, host);
  }

  private static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException _) {
      return "localhost";
    }
  }

  /** Says that a run begins at this step: what older files hold of it and later is void. */
  void start(int step) throws IOException {
    write(event(step).message(7, new ProtobufMessage().int64(1, SESSION_START)));
  }

  /** Adds the values of a step. */
  void scalars(int step, Map<String, Double> values) throws IOException {
    ProtobufMessage summary = new ProtobufMessage();
    values.forEach(
        (tag, value) ->
            summary.message(
                1, new ProtobufMessage().string(1, tag).float32(2, value.floatValue())));
    write(event(step).message(5, summary));
  }

  /** Adds a picture of a step. */
  void image(int step, String tag, BufferedImage picture) throws IOException {
    ProtobufMessage image =
        new ProtobufMessage()
            .int64(1, picture.getHeight())
            .int64(2, picture.getWidth())
            .int64(3, RGB)
            .bytes(4, Png.encode(picture));
    ProtobufMessage value = new ProtobufMessage().string(1, tag).message(4, image);
    write(event(step).message(5, new ProtobufMessage().message(1, value)));
  }

  private ProtobufMessage event(int step) {
    Instant now = clock.instant();
    return new ProtobufMessage()
        .float64(1, now.getEpochSecond() + now.getNano() / NANOS_PER_SECOND)
        .int64(2, step);
  }

  private void write(ProtobufMessage event) throws IOException {
    out.write(TfRecord.frame(event.encoded()));
  }

  void flush() throws IOException {
    out.flush();
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
