//! How records write [`Metrics`]: every metric by its key, then the counts.
//!
//! Of what is read, the confusion counts, AUC and log loss have to be there. What follows from them is computed anew, what an older build did not
//! measure is unknown, and what only a newer one knows is passed over.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list::{METRICS, Source};
use super::{Confusion, Metrics};

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for metric in &METRICS {
            if let Some(value) = metric.of(self) {
                map.serialize_entry(metric.key, &value)?;
            }
        }
        map.serialize_entry("confusion", &self.confusion)?;
        map.serialize_entry("predicted_positive", &self.confusion.predicted_positive())?;
        map.serialize_entry("examples", &self.confusion.examples())?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Metrics;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("metrics by their keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
        let (mut confusion, mut auc, mut log_loss) = (None, None, None);
        let mut measured = [None; METRICS.len()];
        while let Some(key) = map.next_key::<String>()? {
            let place = METRICS.iter().position(|metric| metric.key == key);
            let measured_here = place.filter(|place| matches!(METRICS[*place].source, Source::Predictions(_)));
            match (key.as_str(), measured_here) {
                ("confusion", _) => confusion = Some(map.next_value::<Confusion>()?),
                ("auc", _) => auc = Some(map.next_value()?),
                ("log_loss", _) => log_loss = Some(map.next_value()?),
                (_, Some(place)) => measured[place] = map.next_value()?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let confusion = confusion.ok_or_else(|| A::Error::missing_field("confusion"))?;
        let auc = auc.ok_or_else(|| A::Error::missing_field("auc"))?;
        let log_loss = log_loss.ok_or_else(|| A::Error::missing_field("log_loss"))?;
        Ok(Metrics { measured, ..Metrics::new(confusion, auc, log_loss) })
    }
}
