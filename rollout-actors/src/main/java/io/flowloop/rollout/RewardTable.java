package io.flowloop.rollout;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SequencedSet;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Which place scores which images. What is asked for waits in the order in which it came, and goes
 * to places with threads by the errand: some adjacent images of one asker. The first answer to an
 * image counts, wherever it comes from. It knows no clock and sends nothing.
 *
 * @param <A> who asks
 */
final class RewardTable<A> {

  /** Images that a place may have for each of its threads: one is scored, the others are ready. */
  static final int PER_THREAD = 4;

  /** Images that a place may have, so that all that came of them fits a message. */
  static final int MOST = 256;

  /** An image that so many places vanished with may be what they died of, and has failed. */
  static final int MOST_LOSSES = 3;

  /**
   * Images for a place.
   *
   * @param images by numbers that no other image of the table has
   */
  record Errand(int number, String place, List<RewardPool.Image> images) {}

  /** An image that has its answer, by its asker's number. */
  record Settled<A>(A asker, int sample) {}

  private static final class Ticket<A> {
    private final A asker;
    private final RewardPool.Image image;
    private int losses;

    Ticket(A asker, RewardPool.Image image) {
      this.asker = asker;
      this.image = image;
    }

    Settled<A> settled() {
      return new Settled<>(asker, image.sample());
    }
  }

  /** What was asked for together and waits, as it is still open or not. */
  private record Order(int images, Deque<Integer> tickets) {}

  private static final class Place {
    private final String name;
    private final int threads;
    private boolean reachable = true;
    private boolean resting;

    /** Images by their errands, as far as the place has not answered them. */
    private final SequencedMap<Integer, SequencedSet<Integer>> errands = new LinkedHashMap<>();

    Place(String name, int threads) {
      this.name = name;
      this.threads = threads;
    }

    boolean isUsable() {
      return reachable && !resting;
    }

    int held() {
      return errands.values().stream().mapToInt(Set::size).sum();
    }

    int room() {
      return Math.min(PER_THREAD * threads, MOST) - held();
    }

    double load() {
      return (double) held() / threads;
    }

    boolean has(int ticket) {
      return errands.values().stream().anyMatch(tickets -> tickets.contains(ticket));
    }
  }

  private final Map<Integer, Ticket<A>> open = new HashMap<>();
  private final Deque<Order> waiting = new ArrayDeque<>();
  private final Map<String, Place> places = new LinkedHashMap<>();
  private final List<Integer> ended = new ArrayList<>();
  private int tickets;
  private int errands;

  /** A place joins, which scores so many images at once. */
  void join(String place, int threads) {
    places.put(place, new Place(place, threads));
  }

  /** Images that a place has and has not answered. */
  int held(String name) {
    return Optional.ofNullable(places.get(name)).map(Place::held).orElse(0);
  }

  /** A place is gone, and what it has is scored elsewhere. */
  void leave(String place) {
    Optional.ofNullable(places.remove(place)).ifPresent(this::takeBack);
  }

  /** What a place cannot be told or tell is scored elsewhere too; it goes on where it is. */
  void reach(String name, boolean reachable) {
    Optional.ofNullable(places.get(name))
        .ifPresent(
            place -> {
              place.reachable = reachable;
              if (reachable) {
                waiting.forEach(order -> order.tickets().removeIf(place::has));
              } else {
                place.errands.sequencedValues().reversed().forEach(this::requeue);
              }
            });
  }

  /** A place lost what it has; it gets no more until it has {@link #rested}. */
  List<Settled<A>> lose(String name) {
    Optional<Place> place = Optional.ofNullable(places.get(name));
    place.ifPresent(found -> found.resting = true);
    List<Settled<A>> failed = place.map(this::countLosses).orElse(List.of());
    place.ifPresent(this::takeBack);
    return failed;
  }

  void rested(String name) {
    Optional.ofNullable(places.get(name)).ifPresent(place -> place.resting = false);
  }

  private List<Settled<A>> countLosses(Place place) {
    return remove(
        place.errands.values().stream().flatMap(Collection::stream).toList(),
        ticket -> ++ticket.losses == MOST_LOSSES);
  }

  /** Takes tickets out of those that are open. */
  private List<Settled<A>> remove(List<Integer> numbers, Predicate<Ticket<A>> which) {
    List<Settled<A>> removed = new ArrayList<>();
    for (int number : numbers) {
      Optional<Ticket<A>> ticket = Optional.ofNullable(open.get(number)).filter(which);
      ticket.ifPresent(
          found -> {
            open.remove(number);
            removed.add(found.settled());
          });
    }
    return removed;
  }

  private void takeBack(Place place) {
    List<SequencedSet<Integer>> back = List.copyOf(place.errands.sequencedValues().reversed());
    ended.addAll(place.errands.keySet());
    place.errands.clear();
    back.forEach(this::requeue);
  }

  /** Puts images before all others that wait, but for those that wait or are elsewhere. */
  private void requeue(SequencedSet<Integer> numbers) {
    Set<Integer> cared =
        waiting.stream().flatMap(order -> order.tickets().stream()).collect(Collectors.toSet());
    Deque<Integer> back =
        numbers.stream()
            .filter(number -> open.containsKey(number) && !cared.contains(number))
            .filter(
                number -> places.values().stream().noneMatch(p -> p.isUsable() && p.has(number)))
            .collect(Collectors.toCollection(ArrayDeque::new));
    if (!back.isEmpty()) {
      waiting.addFirst(new Order(back.size(), back));
    }
  }

  /** Images to score. */
  void add(A asker, List<RewardPool.Image> images) {
    Deque<Integer> order = new ArrayDeque<>();
    for (RewardPool.Image image : images) {
      int number = tickets++;
      open.put(number, new Ticket<>(asker, image));
      order.add(number);
    }
    waiting.add(new Order(order.size(), order));
  }

  /** Nobody waits for the images of an asker any more. */
  void forget(A asker) {
    open.values().removeIf(ticket -> ticket.asker.equals(asker));
    endErrands();
  }

  /** What is to be done next, for the place with the fewest images for each of its threads. */
  Optional<Errand> next() {
    return firstWaiting()
        .flatMap(
            order ->
                places.values().stream()
                    .filter(place -> place.isUsable() && place.room() > 0)
                    .min(Comparator.comparingDouble(Place::load))
                    .map(place -> give(order, place)));
  }

  private Optional<Order> firstWaiting() {
    while (!waiting.isEmpty()) {
      Order first = waiting.element();
      first.tickets().removeIf(number -> !open.containsKey(number));
      if (!first.tickets().isEmpty()) {
        return Optional.of(first);
      }
      waiting.remove();
    }
    return Optional.empty();
  }

  /** Of an order each thread of the cluster gets about the same, so that it is done soon. */
  private Errand give(Order order, Place place) {
    int threads =
        places.values().stream().filter(Place::isUsable).mapToInt(each -> each.threads).sum();
    int share = Math.ceilDiv(order.images(), threads) * place.threads;
    int count = Math.min(Math.min(share, place.room()), order.tickets().size());
    SequencedSet<Integer> numbers = new LinkedHashSet<>();
    List<RewardPool.Image> images = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int number = order.tickets().remove();
      RewardPool.Image image = Objects.requireNonNull(open.get(number)).image;
      numbers.add(number);
      images.add(new RewardPool.Image(number, image.prompt(), image.pixels()));
    }
    int errand = errands++;
    place.errands.put(errand, numbers);
    return new Errand(errand, place.name, images);
  }

  /**
   * A place answers an image, by the number of its errand's.
   *
   * @return empty if somebody else has, or nobody waits for it
   */
  Optional<Settled<A>> settle(int errand, int number) {
    places
        .values()
        .forEach(
            place ->
                Optional.ofNullable(place.errands.get(errand))
                    .ifPresent(numbers -> numbers.remove(number)));
    Optional<Settled<A>> settled = Optional.ofNullable(open.remove(number)).map(Ticket::settled);
    endErrands();
    return settled;
  }

  private void endErrands() {
    for (Place place : places.values()) {
      place
          .errands
          .entrySet()
          .removeIf(
              errand -> {
                boolean over = Collections.disjoint(errand.getValue(), open.keySet());
                if (over) {
                  ended.add(errand.getKey());
                }
                return over;
              });
    }
  }

  /** Errands that nobody waits for any more, told once. */
  List<Integer> takeEnded() {
    List<Integer> told = List.copyOf(ended);
    ended.clear();
    return told;
  }

  boolean hasPlace() {
    return places.values().stream().anyMatch(Place::isUsable);
  }

  /** Forgets all that waits. */
  List<Settled<A>> giveUp() {
    List<Integer> numbers = waiting.stream().flatMap(order -> order.tickets().stream()).toList();
    waiting.clear();
    List<Settled<A>> given = remove(numbers, _ -> true);
    endErrands();
    return given;
  }

  /** Orders, or rests of them, that no place has. */
  int waiting() {
    return Math.toIntExact(
        waiting.stream()
            .filter(order -> order.tickets().stream().anyMatch(open::containsKey))
            .count());
  }

  /** Errands that places are at. */
  int busy() {
    return places.values().stream().mapToInt(place -> place.errands.size()).sum();
  }
}
