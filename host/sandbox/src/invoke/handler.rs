//! Everything that answers the requests of an app.

use std::sync::Arc;

use crate::answer::buffers::Room;
use crate::exchange::app::App;
use crate::reuse::Instances;
use crate::reuse::instance::InstanceFactory;
use crate::scheduling::admission::Admission;

/// An app that answers requests.
pub(crate) struct Handler {
    pub(crate) app: Arc<App>,
    pub(crate) factory: Arc<InstanceFactory>,
    pub(crate) instances: Instances,
    pub(crate) admission: Admission,
    pub(crate) room: Arc<Room>,
}
