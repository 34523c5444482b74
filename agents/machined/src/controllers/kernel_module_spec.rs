// SPDX-License-Identifier: MPL-2.0
//! Tells who loads kernel modules which ones are wanted.
//!
//! Owns: that nobody is told twice.
//! Never: waits until they are loaded: that may take as long as a driver takes to start.

use resource::{Body, Controller, Input};
use tokio::sync::watch;

use crate::kernel_modules::Wanted;
use crate::resources::KernelModuleSpec;

pub(super) fn controller(modules: watch::Sender<Vec<Wanted>>) -> Controller {
    Controller {
        name: "runtime.KernelModuleSpecController",
        inputs: vec![Input::of::<KernelModuleSpec>().strong()],
        outputs: Vec::new(),
        body: Body::Acting(Box::new(move |view, _| {
            let specs = view.list::<KernelModuleSpec>();
            let wanted = specs.map(|spec| Wanted {
                name: spec.spec.name.clone(),
                parameters: spec.spec.parameters.join(" "),
            });
            let wanted: Vec<Wanted> = wanted.collect();
            modules.send_if_modified(|present| {
                let differs = *present != wanted;
                *present = wanted;
                differs
            });
            Ok(())
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controllers::bench::Bench;

    #[test]
    fn rsrc_112_who_loads_modules_hears_which_ones_once() {
        let sender = watch::Sender::default();
        let mut heard = sender.subscribe();
        let mut bench = Bench::of(controller(sender));
        let spec = KernelModuleSpec {
            name: "nbd".to_owned(),
            parameters: vec!["nbds_max=2".to_owned(), "max_part=4".to_owned()],
        };

        bench.say("nbd", spec.clone());
        bench.run();
        assert!(heard.has_changed().unwrap());
        let wanted = heard.borrow_and_update().clone();
        let [module] = wanted.as_slice() else {
            panic!("{wanted:?}");
        };
        assert_eq!(
            (module.name.as_str(), module.parameters.as_str()),
            ("nbd", "nbds_max=2 max_part=4")
        );

        bench.say("nbd", spec);
        bench.run();
        assert!(!heard.has_changed().unwrap());

        // A module that is wanted is held, and one that goes is told before it is let go.
        assert_eq!(
            bench.holders::<KernelModuleSpec>("nbd"),
            ["runtime.KernelModuleSpecController"]
        );
        bench.take_away::<KernelModuleSpec>("nbd");
        bench.run();
        assert!(heard.borrow_and_update().is_empty());
        assert!(bench.holders::<KernelModuleSpec>("nbd").is_empty());
    }
}
