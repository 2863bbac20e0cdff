/**
 * From images to rewards to advantages, in plain Java data.
 *
 * <p>A {@link io.flowloop.reward.RewardFunction} scores one image, in this process or with the help
 * of a server; {@link io.flowloop.reward.RewardFunctions} adds up several of them; {@link
 * io.flowloop.reward.Advantages} compares the rewards of each group. A score that cannot be had is
 * a {@link io.flowloop.reward.RewardException}, never a 0: an optimiser would believe it.
 */
@NullMarked
package io.flowloop.reward;

import org.jspecify.annotations.NullMarked;
