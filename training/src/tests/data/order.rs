//! Which picture comes when.

use super::{Drawn, grey, opened, written};
use ocelli_training::data::seed::{Random, permuted};
use std::collections::HashSet;

#[test]
fn a_permutation_has_every_index_once_whatever_the_length() {
    for length in [1, 2, 3, 4, 5, 16, 17, 100, 205, 1023] {
        for key in 0..5 {
            let places: HashSet<usize> = (0..length).map(|index| permuted(index, length, key)).collect();
            assert_eq!(places.len(), length);
            assert_eq!(places.into_iter().max(), Some(length - 1));
        }
    }
}

#[test]
fn permutations_of_different_keys_put_an_index_anywhere() {
    // 2,000 keys over 20 places: 100 are expected in each, with a standard deviation below 10.
    let mut counts = [0; 20];
    for key in 0..2000 {
        counts[permuted(7, 20, ocelli_training::data::seed::mixed_seed(key, 0))] += 1;
    }
    assert!(counts.iter().all(|count| (60..=140).contains(count)), "{counts:?}");
}

#[test]
fn an_epoch_visits_every_picture_once_in_an_order_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..23).map(|number| format!("{number}.png")).collect();
    let pictures: Vec<Drawn> =
        names.iter().map(|name| (name.as_str(), grey(8, 8), vec![(0, [1.0, 1.0, 4.0, 4.0])])).collect();
    let data = opened(&[(written(folder.path(), &["a"], &pictures), 3.0)]).unwrap();
    assert_eq!(data.len(), 23);
    let epoch = |seed: u64, number: usize| -> Vec<usize> {
        (number * 23..(number + 1) * 23).map(|number| data.index_at(seed, number)).collect()
    };
    let mut orders = HashSet::new();
    for seed in 0..3 {
        for number in 0..4 {
            let order = epoch(seed, number);
            assert_eq!(order.iter().collect::<HashSet<_>>().len(), 23);
            assert!(orders.insert(order), "two epochs have the same order");
        }
    }
}

#[test]
fn of_several_data_sets_each_gets_its_weight_and_repeats_nothing_before_its_turn() {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..30).map(|number| format!("{number}.png")).collect();
    let of = |name: &str, names: &[String]| {
        let pictures: Vec<Drawn> =
            names.iter().map(|name| (name.as_str(), grey(8, 8), vec![(0, [1.0, 1.0, 4.0, 4.0])])).collect();
        written(&folder.path().join(name), &["a"], &pictures)
    };
    let data = opened(&[(of("large", &names), 0.25), (of("small", &names[..10]), 0.75)]).unwrap();
    assert_eq!(data.len(), 40);
    let drawn: Vec<usize> = (0..400).map(|number| data.index_at(5, number)).collect();
    for epoch in drawn.chunks(40) {
        assert_eq!(epoch.iter().filter(|index| **index < 30).count(), 10);
    }
    // 100 draws of the thirty, 300 of the ten: as even as whole numbers can be.
    for index in 0..40 {
        let count = drawn.iter().filter(|other| **other == index).count();
        let expected = if index < 30 { 3..=4 } else { 30..=30 };
        assert!(expected.contains(&count), "picture {index} was drawn {count} times");
    }
    assert!(drawn[..40].windows(2).any(|pair| pair[0] < 30 && pair[1] >= 30 || pair[0] >= 30 && pair[1] < 30));
}

#[test]
fn random_numbers_lie_where_they_should() {
    let mut random = Random::new(3);
    let mut sum = 0.0;
    for _ in 0..10_000 {
        let number = random.between(-2.0, 4.0);
        assert!((-2.0..4.0).contains(&number));
        sum += number;
        assert!(random.below(7) < 7);
        assert!(!random.chance(0.0) && random.chance(1.0));
    }
    assert!((sum / 10_000.0 - 1.0).abs() < 0.1);
    assert_eq!((random.below(0), random.below(1)), (0, 0));
}
