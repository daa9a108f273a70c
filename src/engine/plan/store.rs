//! Filters that are ready: prepared once, and shared by all plans of a network.

use crate::engine::graph::{Convolution, Unsupported};
use crate::engine::kernels::{Arrangement, ChannelFilters, Filters, Format};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A convolution's name, the format that its products are in, and the arrangement.
type Key = (String, &'static str, Arrangement);

/// The prepared filters of one network.
#[derive(Default)]
pub(crate) struct FilterStore {
    filters: Mutex<HashMap<Key, Arc<Filters>>>,
    channels: Mutex<HashMap<(String, &'static str), Arc<ChannelFilters>>>,
}

impl FilterStore {
    /// A convolution's filters for maps of a format.
    pub(super) fn filters(
        &self,
        node: &str,
        convolution: &Convolution,
        format: Format,
        arrangement: Arrangement,
    ) -> Result<Arc<Filters>, Unsupported> {
        let mut known = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (node.to_owned(), format.name(), arrangement);
        if let Some(filters) = known.get(&key) {
            return Ok(filters.clone());
        }
        let filters = Filters::new(convolution, format, arrangement).map_err(|e| Unsupported(e.to_string()))?;
        Ok(known.entry(key).or_insert(Arc::new(filters)).clone())
    }

    /// How a convolution's filters were arranged, and the format's name, if they are there: another plan has to take them
    /// as they are.
    pub(super) fn arrangement(&self, node: &str) -> Option<(&'static str, Arrangement)> {
        let known = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        known.keys().find(|(name, ..)| name == node).map(|(_, format, arrangement)| (*format, *arrangement))
    }

    /// A depthwise convolution's filters for maps of a format.
    pub(super) fn channels(&self, node: &str, convolution: &Convolution, format: Format) -> Arc<ChannelFilters> {
        let mut known = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (node.to_owned(), format.name());
        known.entry(key).or_insert_with(|| Arc::new(ChannelFilters::new(convolution, format))).clone()
    }
}
