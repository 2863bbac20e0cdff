package io.flowloop.rollout;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flowloop.engine.HostTensor;
import io.flowloop.engine.PolicyWeights;
import io.flowloop.engine.RgbImage;
import io.flowloop.engine.Sample;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** {@link SampleBlob}, {@link WeightsBlob} and {@link ImageBlob}, whole and mutated. */
class BlobCodecTest {

  private static final PolicyWeights WEIGHTS =
      PolicyWeights.of(
          7,
          Map.of(
              "a",
              new HostTensor(List.of(2L, 2L), new float[] {1, Float.NaN, -0f, 1e-40f}),
              "ä.weight",
              new HostTensor(List.of(100_000L), numbers(100_000)),
              "scalar",
              new HostTensor(List.of(), new float[] {3})));

  private record Codec(Blob whole, UnaryOperator<Blob> thereAndBack) {}

  private static float[] numbers(int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = i;
    }
    return values;
  }

  private static List<Sample> samples() {
    Sample first = WireMessages.sample(1);
    Sample second = WireMessages.sample(2);
    Sample third = WireMessages.sample(3);
    Sample sharing =
        new Sample(
            second.row(),
            second.image(),
            second.trajectory(),
            first.promptEmbedding(),
            second.policyVersion(),
            second.timings());
    return List.of(first, sharing, third);
  }

  private static List<RewardPool.Image> images() {
    return List.of(
        new RewardPool.Image(-1, "a \"7\" — é", new RgbImage(1, 1, new byte[] {1, 2, 3})),
        new RewardPool.Image(1 << 30, "", new RgbImage(2, 2, new byte[12])));
  }

  static byte[] bytes(Blob blob) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (long at = 0; at < blob.length(); at += Blob.CHUNK) {
      out.write(
          blob.chunk((int) (at / Blob.CHUNK)), 0, (int) Math.min(Blob.CHUNK, blob.length() - at));
    }
    return out.toByteArray();
  }

  @Test
  void samples_thereAndBack_areTheSameAndShareEmbeddings() {
    Blob blob = SampleBlob.encode(samples());

    List<Sample> decoded = SampleBlob.decode(blob);

    assertThat(decoded).usingRecursiveComparison().isEqualTo(samples());
    assertThat(decoded.get(1).promptEmbedding()).isSameAs(decoded.get(0).promptEmbedding());
    assertThat(decoded.get(2).promptEmbedding()).isNotSameAs(decoded.get(0).promptEmbedding());
  }

  @Test
  void weights_thereAndBack_areTheSameBits() {
    Blob blob = WeightsBlob.encode(WEIGHTS);

    PolicyWeights decoded = WeightsBlob.decode(blob);

    decoded.requireIntact();
    assertThat(decoded.version()).isEqualTo(7);
    assertThat(decoded.tensors().keySet()).isEqualTo(WEIGHTS.tensors().keySet());
    assertThat(bytes(WeightsBlob.encode(decoded))).isEqualTo(bytes(blob));
  }

  @Test
  void images_thereAndBack_areTheSame() {
    assertThat(ImageBlob.decode(ImageBlob.encode(images())))
        .usingRecursiveComparison()
        .isEqualTo(images());
  }

  @Test
  void images_pixelsOfAnotherSize_areRefused() {
    byte[] bytes = bytes(ImageBlob.encode(images()));
    // The width of the last image, behind which its height, length and pixels are.
    bytes[bytes.length - 24] = 1;

    assertThatThrownBy(() -> ImageBlob.decode(Blob.copyOf(bytes)))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("blob of images: image: 1×2 pixels in 12 bytes");
  }

  @Test
  void decode_ofAnotherKind_isMalformed() {
    Blob weights = WeightsBlob.encode(WEIGHTS);

    assertThatThrownBy(() -> SampleBlob.decode(weights))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("blob of samples: magic");
  }

  @Test
  void decode_lengthBeyondTheRest_allocatesNothing() {
    byte[] bytes = bytes(WeightsBlob.encode(WEIGHTS));
    ByteBuffer.wrap(bytes).putInt(20, 0xFFFFFF7F);
    Blob lying = Blob.copyOf(bytes);

    assertThatThrownBy(() -> WeightsBlob.decode(lying))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("declared length: 2147483647");
  }

  @Test
  void decode_rest_isRefused() {
    byte[] bytes = bytes(SampleBlob.encode(samples()));
    Blob longer = Blob.copyOf(Arrays.copyOf(bytes, bytes.length + 4));

    assertThatThrownBy(() -> SampleBlob.decode(longer)).hasMessageContaining("4 bytes remain");
  }

  @Test
  void encode_ofLittle_takesNoMoreThanItsBytes() {
    Blob small = SampleBlob.encode(samples());
    Blob large = WeightsBlob.encode(WEIGHTS);

    assertThat(small.chunk(0)).hasSize((int) small.length());
    assertThat(large.chunk(1)).hasSize((int) large.length() - Blob.CHUNK);
  }

  @Test
  void decode_endsBesideTheBorderOfChunks_isRefused() {
    byte[] bytes = bytes(WeightsBlob.encode(WEIGHTS));
    for (int length = Blob.CHUNK - 9; length < Blob.CHUNK + 9; length++) {
      Blob cut = Blob.copyOf(Arrays.copyOf(bytes, length));

      assertThatThrownBy(() -> WeightsBlob.decode(cut))
          .isInstanceOf(DataException.class)
          .hasMessageContaining("declared length");
    }
  }

  @Test
  void decode_mutated_isRefusedOrWhatItsBytesSay() {
    mutate(20_000, 1);
  }

  @Tag("faults")
  @Test
  void decode_aMillionMutated_areRefusedOrWhatTheirBytesSay() {
    mutate(1_000_000, 2);
  }

  /**
   * What is taken encodes to the very bytes it came from: nothing was passed over or guessed. The
   * checksum of a blob is that of its mutated bytes, so all of them are read.
   */
  private static void mutate(int count, long seed) {
    PolicyWeights small =
        PolicyWeights.of(3, Map.of("b", new HostTensor(List.of(2L), new float[] {1, 2})));
    List<Codec> codecs =
        List.of(
            new Codec(
                SampleBlob.encode(samples()), blob -> SampleBlob.encode(SampleBlob.decode(blob))),
            new Codec(
                WeightsBlob.encode(small), blob -> WeightsBlob.encode(WeightsBlob.decode(blob))),
            new Codec(
                ImageBlob.encode(images()), blob -> ImageBlob.encode(ImageBlob.decode(blob))));
    Random random = new Random(seed);
    int refused = 0;
    for (int i = 0; i < count; i++) {
      Codec codec = codecs.get(random.nextInt(codecs.size()));
      byte[] mutated = Mutation.of(bytes(codec.whole()), random);
      try {
        Blob again = codec.thereAndBack().apply(Blob.copyOf(mutated));
        assertThat(bytes(again)).isEqualTo(mutated);
      } catch (DataException e) {
        refused++;
      }
    }
    assertThat(refused).isBetween(count / 4, count - count / 20);
  }
}
