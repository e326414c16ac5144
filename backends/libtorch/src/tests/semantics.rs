//! What the contract asks of a model, seen through the contract.

use harness_contract::{
    Backend, BiasVectors, CellKind, ClipForm, ClipSpec, Device, DropoutSpec, ErrorKind, Kernel, Model, ModelSpec,
    Pooling, Side, WeightMap, build_checked,
};

use super::{KERNELS, Rows, small_spec, weights};

fn build(spec: &ModelSpec, weights: &WeightMap) -> Box<dyn Model> {
    build_checked(&mut crate::new().unwrap(), spec, weights).unwrap()
}

/// Every cell with every kernel.
fn specs() -> impl Iterator<Item = ModelSpec> {
    CellKind::ALL
        .into_iter()
        .flat_map(|cell| KERNELS.into_iter().map(move |kernel| ModelSpec { kernel, ..small_spec(cell) }))
}

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * (1.0 + expected.abs()),
            "{what}, {at}: {found}, not {expected}"
        );
    }
}

#[test]
fn weights_come_back_as_they_went_in() {
    for bias_vectors in [BiasVectors::One, BiasVectors::Two] {
        for spec in specs() {
            let spec = ModelSpec { bias_vectors, layers: 3, ..spec };
            let initial = weights(&spec, 1);
            assert_eq!(build(&spec, &initial).weights().unwrap(), initial);
        }
    }
}

#[test]
fn one_bias_vector_is_two_of_which_the_second_is_zero() {
    for spec in specs() {
        let one = ModelSpec { bias_vectors: BiasVectors::One, ..spec.clone() };
        let rows = Rows::new(&spec, 4, 6, Side::End, 1);
        let of_one = weights(&one, 1);
        let mut of_two = WeightMap::new();
        for parameter in spec.parameters() {
            let mut tensor = of_one.get(&parameter.name.replace("bias_hh", "bias_ih")).unwrap().clone();
            if parameter.name.contains("bias_hh") {
                tensor.data.fill(0.0);
            }
            of_two.insert(parameter.name, tensor).unwrap();
        }
        let logits = build(&one, &of_one).predict_batch(rows.tokens()).unwrap();
        assert_close(&build(&spec, &of_two).predict_batch(rows.tokens()).unwrap(), &logits, 1e-6, "logits");
    }
}

#[test]
fn the_reported_loss_is_the_mean_cross_entropy_of_the_predicted_logits() {
    for spec in specs() {
        let rows = Rows::new(&spec, 7, 6, Side::End, 5);
        let mut model = build(&spec, &weights(&spec, 2));
        let logits = model.predict_batch(rows.tokens()).unwrap();
        let expected: f64 = logits
            .iter()
            .zip(&rows.labels)
            .map(|(&logit, &label)| {
                let logit = f64::from(if label == 1 { logit } else { -logit });
                (-logit).exp().ln_1p()
            })
            .sum::<f64>()
            / 7.0;
        let loss = model.train_batch(rows.batch(), 0.01).unwrap().loss;
        assert!((loss - expected).abs() < 1e-6, "{loss}, not {expected}");
    }
}

#[test]
fn loss_and_norm_stay_right_for_logits_of_hundreds() {
    for spec in specs() {
        let mut initial = weights(&spec, 2);
        initial.get_mut("head.bias").unwrap().data[0] = 300.0;
        let mut rows = Rows::new(&spec, 2, 3, Side::End, 5);
        rows.labels = vec![0, 1];
        let report = build(&spec, &initial).train_batch(rows.batch(), 0.01).unwrap();
        assert!((report.loss - 150.0).abs() < 2.0, "{report:?}");
        assert!(report.gradient_norm.is_finite());
    }
}

#[test]
fn a_masked_row_answers_as_it_would_alone_and_unpadded() {
    for spec in specs() {
        let spec = ModelSpec { masking: true, ..spec };
        for padding in [Side::Front, Side::End] {
            let rows = Rows::new(&spec, 6, 9, padding, 4);
            let mut model = build(&spec, &weights(&spec, 3));
            let together = model.predict_batch(rows.tokens()).unwrap();
            for (row, &logit) in together.iter().enumerate() {
                let text = rows.text(row);
                let time = text.len();
                let alone = Rows::padded(vec![text], vec![0], time, Side::End);
                assert_close(&model.predict_batch(alone.tokens()).unwrap(), &[logit], 1e-6, "logit");
            }
        }
    }
}

#[test]
fn masked_training_does_not_depend_on_where_the_padding_stands() {
    for spec in specs() {
        let spec = ModelSpec { masking: true, ..spec };
        let train = |time, padding| {
            let rows = Rows::new(&spec, 5, 6, Side::End, 4);
            let texts = (0..5).map(|row| rows.text(row)).collect();
            let moved = Rows::padded(texts, rows.labels.clone(), time, padding);
            let mut model = build(&spec, &weights(&spec, 3));
            for _ in 0..3 {
                model.train_batch(moved.batch(), 0.01).unwrap();
            }
            model.weights().unwrap()
        };
        let expected = train(6, Side::End);
        assert_eq!(train(6, Side::Front), expected);
        assert_eq!(train(11, Side::Front), expected);
        assert_eq!(train(11, Side::End), expected);
    }
}

#[test]
fn without_a_mask_padding_is_read_like_any_word() {
    for spec in specs() {
        let texts = vec![vec![3, 4, 5], vec![6]];
        let mut model = build(&spec, &weights(&spec, 3));
        let mut logits =
            |padding| model.predict_batch(Rows::padded(texts.clone(), vec![0, 1], 4, padding).tokens()).unwrap();
        assert_ne!(logits(Side::Front), logits(Side::End));
        let initial = weights(&spec, 3);
        let mut model = build(&spec, &initial);
        model.train_batch(Rows::padded(texts, vec![0, 1], 4, Side::Front).batch(), 0.01).unwrap();
        let row = |weights: &WeightMap| weights.get("embedding.weight").unwrap().data[..5].to_vec();
        assert_ne!(row(&model.weights().unwrap()), row(&initial), "the padding's embedding is trained");
    }
}

#[test]
fn the_last_valid_step_of_an_end_padded_row_is_its_last_token() {
    for spec in specs() {
        let texts = vec![vec![3, 4, 5, 6], vec![7, 8]];
        let at = |pooling| {
            let mut model = build(&ModelSpec { pooling, ..spec.clone() }, &weights(&spec, 3));
            model.predict_batch(Rows::padded(texts.clone(), vec![0, 1], 4, Side::End).tokens()).unwrap()
        };
        let (last, valid) = (at(Pooling::LastStep), at(Pooling::LastValidStep));
        assert_close(&last[..1], &valid[..1], 1e-7, "the full row");
        assert_ne!(last[1], valid[1]);
        let mut model = build(&spec, &weights(&spec, 3));
        let alone = Rows::padded(vec![vec![7, 8]], vec![0], 2, Side::End);
        assert_close(&model.predict_batch(alone.tokens()).unwrap(), &valid[1..], 1e-6, "the short row");
    }
}

#[test]
fn many_rows_answer_as_few_do() {
    for spec in specs() {
        let spec = ModelSpec { max_time: 3_000, ..spec };
        // More tokens than are computed at once.
        let rows = Rows::new(&spec, 50, 3_000, Side::Front, 6);
        let mut model = build(&spec, &weights(&spec, 3));
        let all = model.predict_batch(rows.tokens()).unwrap();
        for row in [0, 42, 43, 44, 49] {
            let alone = Rows::padded(vec![rows.text(row)], vec![0], 3_000, Side::Front);
            assert_close(&model.predict_batch(alone.tokens()).unwrap(), &all[row..=row], 1e-5, "logit");
        }
    }
}

#[test]
fn clipping_holds_the_norm_and_says_so() {
    for spec in specs() {
        let rows = Rows::new(&spec, 5, 6, Side::End, 4);
        let report = |clip| {
            let spec = ModelSpec { clip, ..spec.clone() };
            build(&spec, &weights(&spec, 3)).train_batch(rows.batch(), 0.01).unwrap()
        };
        let free = report(None);
        assert!(free.gradient_norm > 0.01 && !free.clipped);
        let loose =
            report(Some(ClipSpec { norm: free.gradient_norm * 1.01, stabiliser: 1e-6, form: ClipForm::Gradient }));
        assert!(!loose.clipped);
        let tight =
            report(Some(ClipSpec { norm: free.gradient_norm * 0.99, stabiliser: 1e-6, form: ClipForm::Gradient }));
        assert!(tight.clipped);
        assert_eq!(free.gradient_norm, tight.gradient_norm, "the norm is the one before clipping");
    }
}

#[test]
fn token_gradient_norms_are_those_of_the_words_that_stand_there() {
    for spec in specs() {
        for (masking, padding) in [(false, Side::Front), (true, Side::Front), (true, Side::End)] {
            // Clipping and dropout must not show.
            let dropout = DropoutSpec { after_embedding: 0.5, between_layers: 0.5, after_last: 0.5, seed: 1 };
            let clip = Some(ClipSpec { norm: 1e-6, stabiliser: 0.0, form: ClipForm::Gradient });
            let spec = ModelSpec { masking, dropout, clip, max_time: 6, ..spec.clone() };
            let texts = vec![vec![1, 2, 3, 4, 5, 6], vec![7, 8, 9, 10]];
            let rows = Rows::padded(texts, vec![1, 0], 6, padding);
            let mut model = build(&spec, &weights(&spec, 3));
            let before = model.weights().unwrap();
            let norms = model.input_gradient_norms(rows.batch()).unwrap().norms;
            assert_eq!(model.weights().unwrap(), before);

            // Each of these words occurs once, so the gradient of its row of the embedding is that of the token. With
            // betas of 0 and an epsilon far above any gradient, Adam's step at a learning rate equal to epsilon
            // subtracts the gradient itself; weights of 0 hold it without rounding.
            let mut plain = ModelSpec { dropout: DropoutSpec::NONE, clip: None, ..spec };
            (plain.adam.beta1, plain.adam.beta2, plain.adam.epsilon) = (0.0, 0.0, 1e10);
            let mut trained = build(&plain, &before);
            trained.train_batch(rows.batch(), 1e10).unwrap();
            let after = trained.weights().unwrap();
            let (before, after) = (before.get("embedding.weight").unwrap(), after.get("embedding.weight").unwrap());
            for row in 0..2 {
                let valid = rows.tokens().valid_steps(row);
                for step in 0..6 {
                    let word = usize::try_from(rows.tokens[row * 6 + step]).unwrap();
                    let moved: f32 = (word * 5..word * 5 + 5)
                        .map(|at| (before.data[at] - after.data[at]).powi(2))
                        .sum::<f32>()
                        .sqrt();
                    let norm = norms[row * 6 + step];
                    if valid.contains(&step) {
                        assert!((norm - moved).abs() < 5e-7, "row {row}, step {step}: {norm}, not {moved}");
                        assert!(norm > 0.0);
                    } else if masking {
                        assert_eq!(norm, 0.0);
                    }
                }
            }
        }
    }
}

#[test]
fn a_loss_that_is_not_finite_is_reported_and_no_error() {
    for spec in specs() {
        let rows = Rows::new(&spec, 3, 4, Side::End, 4);
        let mut model = build(&spec, &weights(&spec, 3));
        let mut losses = (0..4).map(|_| model.train_batch(rows.batch(), 1e38).unwrap().loss);
        assert!(losses.any(|loss| !loss.is_finite()));
    }
}

#[test]
fn training_learns_which_word_is_good() {
    for spec in specs() {
        let dropout = DropoutSpec { after_embedding: 0.2, between_layers: 0.2, after_last: 0.2, seed: 3 };
        let spec = ModelSpec { dropout, hidden_size: 8, ..spec };
        let texts = (0..16).map(|row| vec![if row % 2 == 0 { 3 } else { 4 }; 1 + row / 2]).collect();
        let rows = Rows::padded(texts, (0..16).map(|row| row % 2).collect(), 8, Side::Front);
        let mut model = build(&spec, &weights(&spec, 3));
        for _ in 0..200 {
            model.train_batch(rows.batch(), 0.01).unwrap();
        }
        for (row, logit) in model.predict_batch(rows.tokens()).unwrap().into_iter().enumerate() {
            assert_eq!(logit > 0.0, row % 2 == 1, "row {row}: {logit}");
        }
    }
}

#[test]
fn what_can_not_be_done_is_refused_by_name() {
    let mut backend = crate::new().unwrap();
    let spec = small_spec(CellKind::Lstm);
    let absent = Device::Cuda(backend.describe().capabilities.devices.len());
    for (spec, name) in [
        (ModelSpec { bidirectional: true, ..spec.clone() }, "bidirectional"),
        (ModelSpec { layer_norm: true, ..spec.clone() }, "layer_norm"),
        (ModelSpec { device: absent, ..spec.clone() }, "device"),
    ] {
        let error = build_checked(&mut backend, &spec, &weights(&spec, 1)).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert!(error.message.starts_with(name), "{}", error.message);
    }
}

#[test]
fn the_fused_kernel_is_refused_on_a_device_other_than_the_processor() {
    let mut capabilities = crate::new().unwrap().describe().capabilities;
    // As on a machine with CUDA, where the device alone is no reason to refuse.
    capabilities.devices = vec![Device::Cpu, Device::Cuda(0)];
    let spec = ModelSpec { device: Device::Cuda(0), kernel: Kernel::Fused, ..small_spec(CellKind::Gru) };
    assert_eq!(capabilities.check(&spec).unwrap_err().setting, "kernel = fused with device = cuda");
    for possible in
        [ModelSpec { kernel: Kernel::Stock, ..spec.clone() }, ModelSpec { device: Device::Cpu, ..spec.clone() }]
    {
        capabilities.check(&possible).unwrap();
    }
}

#[test]
fn an_error_of_libtorch_is_one_line_and_leaves_the_model_usable() {
    let spec = small_spec(CellKind::Gru);
    let mut model = crate::model::LibtorchModel::new(&spec, &weights(&spec, 1), tch::Kind::Float).unwrap();
    // Past the check that would stop it: a word the embedding has no row for.
    let rows = Rows::padded(vec![vec![500, 1]], vec![1], 2, Side::End);
    let error = model.predict_batch(rows.tokens()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Framework);
    assert!(error.message.starts_with("could not predict: ") && !error.message.contains('\n'), "{}", error.message);
    let rows = Rows::new(&spec, 2, 3, Side::End, 1);
    assert!(model.train_batch(rows.batch(), 0.1).unwrap().loss.is_finite());
}

#[test]
fn the_description_names_the_pinned_libtorch_and_every_default_has_a_source() {
    let info = crate::new().unwrap().describe();
    assert_eq!(info.name, "libtorch");
    assert!(info.libraries.iter().any(|library| library.name == "libtorch" && library.version == "2.13.0"));
    assert!(info.capabilities.kernels.contains(&Kernel::Stock));
    for row in info.native_defaults.unwrap().rows() {
        let source = row.source.strip_prefix("convention: ").unwrap_or(&row.source);
        assert!(source.starts_with("torch 2.13.0 "), "{}: {}", row.item, row.source);
    }
}
